"""Words files: units, env files and flags, etcd's options, records, templates. Pure: values in, text out."""
