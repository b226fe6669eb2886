"""CertLogic: the rule language of the EU's health certificates, compiled once and then only called.

    compile_expression(JSON) -> Expression          an expression of the wrong form never gets further: RuleInvalid
    Expression.evaluate(data) -> JSON value         data that a rule cannot be applied to: EvaluationFailed

- `compiler.py`     JSON -> closures; checks the form of every expression, folds what is constant
- `terms.py`        what a compiled expression is, and the two ways to fail
- `values.py`       truthy and falsy, same and not, integers
- `paths.py`        reading what lies at the end of a path
- `operators.py`    a closure for each operator
- `moments.py`      date-times: reading and shifting them

Nothing here reads a clock, does I/O, or knows what a certificate is.

Source: CertLogic specification 1.3.3 (EU, "dcc-business-rules").
"""

from .compiler import compile_expression
from .terms import EvaluationFailed, Expression, RuleInvalid

__all__ = ["EvaluationFailed", "Expression", "RuleInvalid", "compile_expression"]
