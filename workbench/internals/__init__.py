"""What models compute inside: read while they run, taken apart, and put into other runs."""
