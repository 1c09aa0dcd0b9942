"""Words files: units, env files and flags, etcd's options per version, records, templates. Pure: values in, text out."""
