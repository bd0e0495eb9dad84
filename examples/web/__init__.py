"""A web page that logs in, makes signed calls and shows the person's devices (`python -m examples.web`)."""
