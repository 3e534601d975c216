"""Keras → LCE flatbuffer → C. Everything behind the flatbuffer imports without TensorFlow."""
