"""A table of tokens that must be refused, by family, and beside each family its siblings that must pass.

A row differs from a good token in one thing; the good siblings of its family show that this thing is what is refused.
"""

from tests.identity.attacks.form import HEADER, LIMITS, STRUCTURE
from tests.identity.attacks.meaning import AUDIENCE, ISSUER, REQUIRED, SUBJECT
from tests.identity.attacks.proof import ALGORITHM, KEY, SIGNATURE
from tests.identity.attacks.use import KIND, TIME

ROWS = [
    *STRUCTURE,
    *HEADER,
    *LIMITS,
    *ALGORITHM,
    *SIGNATURE,
    *KEY,
    *ISSUER,
    *AUDIENCE,
    *REQUIRED,
    *SUBJECT,
    *TIME,
    *KIND,
]
ATTACKS = {f"{row.family}: {row.name}": row for row in ROWS if row.code}
SIBLINGS = {f"{row.family}: {row.name}": row for row in ROWS if not row.code}
