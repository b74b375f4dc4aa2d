"""The monthly liaison: recorded by one bureau, confirmed or objected to by the other."""
