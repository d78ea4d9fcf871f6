"""What goes wrong with accounts, as one sentence."""

from core.errors import ChestLensError


class AccountError(ChestLensError):
    """An account cannot be made or changed like this."""

    code = "bad_account"
