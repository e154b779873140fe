"""Photos and video frames -> the faces in them."""
