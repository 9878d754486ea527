"""A cluster on one machine, from programs that are installed here: what `cluster/up` starts."""
