"""Words files: units, env files and flags, records, templates. Pure: values in, text out."""
