"""FaceNet's triplet loss with negatives mined in the batch.

Source: Schroff et al. 2015, "FaceNet: A Unified Embedding for Face Recognition and Clustering", section 3: with squared
distances D of unit vectors, the mean of max(0, D(anchor, positive) - D(anchor, negative) + margin). All pairs of anchor
and positive of a batch are used. The negative is semi-hard: the nearest of those that are farther than the positive.
Where every negative is nearer than the positive, it is the farthest of them: the hardest ones collapse the embedding
early in training, as the paper warns, and a pair left out would never be learned.
"""

from typing import Any, Final

import tensorflow as tf

MARGIN: Final = 0.2


def squared_distances(embeddings: Any) -> Any:
    """Compare all rows with all.

    Args:
        embeddings: float32 (n, d), rows of unit L2 norm.

    Returns:
        float32 (n, n), range [0, 4].
    """
    return tf.maximum(2.0 - 2.0 * tf.matmul(embeddings, embeddings, transpose_b=True), 0.0)


def mine_negatives(distances: Any, labels: Any) -> tuple[Any, Any]:
    """Choose the negative of each pair of anchor (row) and positive (column).

    Args:
        distances: float32 (n, n), squared.
        labels: int (n,), the person of each row.

    Returns:
        int32 (n, n), rows of the negatives, and bool (n, n), which of the pairs are an anchor with a positive and have
        a negative; the others' entries mean nothing.
    """
    same = labels[:, None] == labels[None, :]
    count = tf.reduce_sum(tf.cast(~same, tf.int32), axis=1, keepdims=True)
    # Each anchor's negatives by distance, all others behind them.
    among = tf.where(same, tf.constant(float("inf"), distances.dtype), distances)
    order = tf.argsort(among, axis=1, stable=True)
    ranked = tf.gather(among, order, batch_dims=1)
    farther = tf.searchsorted(ranked, distances, side="right")
    place = tf.where(farther < count, farther, tf.maximum(count - 1, 0))
    negatives = tf.gather(order, place, batch_dims=1)
    itself = tf.eye(tf.shape(labels)[0], dtype=tf.bool)
    return negatives, same & ~itself & (count > 0)


def triplet_loss(embeddings: Any, labels: Any, margin: float = MARGIN) -> Any:
    """Give the loss of a batch.

    Args:
        embeddings: float32 (n, d), rows of unit L2 norm.
        labels: int (n,), the person of each row.
        margin: between squared distances.

    Returns:
        float32, the mean over all pairs of anchor and positive; 0 where a batch has none.
    """
    distances = squared_distances(embeddings)
    negatives, valid = mine_negatives(tf.stop_gradient(distances), labels)
    violation = tf.nn.relu(distances - tf.gather(distances, negatives, batch_dims=1) + margin)
    pairs = tf.reduce_sum(tf.cast(valid, distances.dtype))
    return tf.reduce_sum(tf.where(valid, violation, 0.0)) / tf.maximum(pairs, 1.0)
