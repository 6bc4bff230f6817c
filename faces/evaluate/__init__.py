"""How good the engine is, in the measures of the field, on folders of photos with truth beside them.

``python -m faces.evaluate --help`` lists the commands; ``docs/recognition.md`` defines every figure.
"""
