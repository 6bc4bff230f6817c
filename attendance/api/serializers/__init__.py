"""What goes out and comes in; an input and an output are never the same class."""
