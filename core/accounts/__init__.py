"""People: their accounts, passwords, roles and groups; sessions and tokens by which a request is known as theirs."""

from core.accounts.accounts import Accounts
from core.accounts.errors import AccountError
from core.accounts.person import Person
from core.accounts.roles import ROLES, Role

__all__ = ["ROLES", "AccountError", "Accounts", "Person", "Role"]
