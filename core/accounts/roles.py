"""What people may do; each role may do all that the roles before it may."""

from typing import Literal, get_args

Role = Literal["uploader", "reviewer", "admin"]

ROLES: tuple[Role, ...] = get_args(Role)

MEANINGS: dict[Role, str] = {
    "uploader": "uploads and sees studies, exports them, deletes own ones",
    "reviewer": "also edits, signs and deletes the reports and studies of the group",
    "admin": "also sees every study, manages people and reads the audit log",
}


def includes(role: Role, needed: Role) -> bool:
    """Whether who has ``role`` may do what ``needed`` may."""
    return ROLES.index(role) >= ROLES.index(needed)
