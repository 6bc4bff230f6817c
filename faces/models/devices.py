"""What TensorFlow can compute on."""

import tensorflow as tf


def cards() -> list[str]:
    """Name the graphics cards that TensorFlow sees."""
    found = tf.config.list_physical_devices("GPU")
    return [str(tf.config.experimental.get_device_details(card).get("device_name", card.name)) for card in found]
