"""Pure maths on points, boxes and pixels: no files, no weights."""
