"""What people and programs talk to: the command line (`cli`). Thin: what is done lies in `thermend.jobs`."""
