"""The forms of people and accounts. What they check is told again by ``core.accounts``, which has the last word."""

from flask_wtf import FlaskForm
from wtforms import BooleanField, IntegerField, PasswordField, SelectField, StringField
from wtforms.validators import EqualTo, InputRequired, Length, NumberRange, Optional

from core.accounts import ROLES
from core.accounts.accounts import LONGEST_PASSWORD, SHORTEST_PASSWORD
from core.accounts.person import LONGEST_NAME

_NEW_PASSWORD = Length(
    SHORTEST_PASSWORD,
    LONGEST_PASSWORD,
    f"A password must have {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters.",
)
_NAME = Length(max=LONGEST_NAME, message=f"A name may have {LONGEST_NAME} characters at most.")


class SignInForm(FlaskForm):
    """Name and password."""

    username = StringField("Name", [InputRequired("Give your name.")])
    password = PasswordField("Password", [InputRequired("Give your password.")])


class PasswordForm(FlaskForm):
    """Another password of one's own."""

    current = PasswordField("Current password", [InputRequired("Give your current password.")])
    new = PasswordField("New password", [InputRequired("Give a new password."), _NEW_PASSWORD])
    repeated = PasswordField("New password again", [EqualTo("new", "The two new passwords differ.")])


class NewTokenForm(FlaskForm):
    """A token for a program."""

    title = StringField("What it is for", [InputRequired("Say what the token is for."), _NAME])
    days = IntegerField(
        "Days until it ends", [Optional(), NumberRange(1, 3650, "A token may be valid for 1 to 3650 days.")]
    )


class NewPersonForm(FlaskForm):
    """Somebody new."""

    username = StringField("Name to sign in with", [InputRequired("Give a name to sign in with."), _NAME])
    full_name = StringField("Full name", [_NAME])
    role = SelectField("Role", choices=[(role, role.capitalize()) for role in ROLES])
    group = StringField("Group", [_NAME])
    password = PasswordField("Password")
    single_sign_on = BooleanField("Signs in with the provider only")


class ChangePersonForm(FlaskForm):
    """Somebody's role, group, password and whether the account is active."""

    role = SelectField("Role", choices=[(role, role.capitalize()) for role in ROLES])
    group = StringField("Group", [_NAME])
    password = PasswordField("New password", [Optional(), _NEW_PASSWORD])
    active = BooleanField("May sign in")
