"""The own account, and for admins everybody's."""

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm

from core.accounts import ROLES, AccountError, Person
from core.accounts.roles import MEANINGS
from core.studies.errors import Unavailable
from core.web.access import NO_ACCOUNTS, NotAllowed, note, person
from core.web.forms import ChangePersonForm, NewPersonForm, NewTokenForm, PasswordForm
from core.web.services import services
from core.web.sessions import current_session

blueprint = Blueprint("people", __name__)


@blueprint.app_context_processor
def who() -> dict[str, Any]:
    """What every page needs to know of the person; an error page is shown without, while the database is away."""
    try:
        return {"person": person()}
    except Unavailable:
        return {"person": None}


@blueprint.get("/account")
def account() -> Response:
    """The own password, and tokens for programs."""
    return _account_page()


@blueprint.post("/account/password")
def change_password() -> ResponseReturnValue:
    """Set the own password, and end all other sessions."""
    form, known, accounts = PasswordForm(), _somebody(), services().accounts
    if form.validate():
        if accounts.check_password(known.name, form.current.data or "") is None:
            note("change password refused")
            return _account_page(password=form, error="The current password is not right; nothing was changed.")
        try:
            accounts.set_password(known.name, form.new.data or "", keep_session=current_session().secret)
        except AccountError as error:
            return _account_page(password=form, error=str(error))
        note("change password")
        flash("Your password was changed. Your other sessions have ended.")
        return redirect(url_for("people.account"))
    return _account_page(password=form, error=_first_error(form))


@blueprint.post("/account/tokens")
def make_token() -> ResponseReturnValue:
    """Make a token, which the answer shows once."""
    form, known = NewTokenForm(), _somebody()
    if not form.validate():
        return _account_page(token=form, error=_first_error(form))
    try:
        made = services().accounts.tokens.add(known.name, form.title.data or "", days=form.days.data)
    except AccountError as error:
        return _account_page(token=form, error=str(error))
    note("make token")
    return _account_page(made=made)


@blueprint.post("/account/tokens/<int:token_id>/revoke")
def revoke_token(token_id: int) -> ResponseReturnValue:
    """Take back a token."""
    if services().accounts.tokens.revoke(_somebody().id, token_id):
        note("revoke token")
        flash("The token was taken back; programs that use it are refused from now on.")
    return redirect(url_for("people.account"))


def _account_page(
    *, password: PasswordForm | None = None, token: NewTokenForm | None = None, made: str = "", error: str = ""
) -> Response:
    page = render_template(
        "pages/account.html",
        password=password or PasswordForm(formdata=None),
        token=token or NewTokenForm(formdata=None),
        made=made,
        error=error,
        tokens=services().accounts.tokens.of_person(_somebody().id),
        may=[MEANINGS[role] for role in ROLES[: ROLES.index(_somebody().role) + 1]],
        now=datetime.now(UTC),
    )
    # It may hold a token.
    return Response(page, 422 if error else 200, {"Cache-Control": "no-store"})


@blueprint.get("/people")
def people() -> ResponseReturnValue:
    """Everybody who has an account."""
    return _people_page()


@blueprint.post("/people")
def add_person() -> ResponseReturnValue:
    """Make an account."""
    form = NewPersonForm()
    if not form.validate():
        return _people_page(form, _first_error(form))
    try:
        added = services().accounts.add(
            form.username.data or "",
            None if form.single_sign_on.data else form.password.data or "",
            role=form.role.data,
            full_name=form.full_name.data or "",
            group=form.group.data or "",
        )
    except AccountError as error:
        return _people_page(form, str(error))
    note("add person", detail={"person": added.name, "role": added.role})
    flash(f"{added.full_name} was added.")
    return redirect(url_for("people.people"))


@blueprint.post("/people/<name>")
def change_person(name: str) -> ResponseReturnValue:
    """Give somebody another role, group or password, or refuse or allow signing in."""
    form, accounts, known = ChangePersonForm(), services().accounts, _somebody()
    if not form.validate():
        return _people_page(error=_first_error(form))
    if name == known.name and (form.role.data != known.role or not form.active.data):
        # So that an admin is always left.
        return _people_page(error="You cannot take your own role or your own account; ask another admin.")
    try:
        changed = accounts.change(name, role=form.role.data, group=form.group.data or "")
        if changed.disabled == form.active.data:
            changed = accounts.set_disabled(name, not form.active.data)
        if form.password.data:
            accounts.set_password(name, form.password.data, keep_session=current_session().secret)
    except AccountError as error:
        return _people_page(error=str(error))
    facts = {"person": name, "role": changed.role, "disabled": changed.disabled, "password": bool(form.password.data)}
    note("change person", detail=facts)
    flash(f"{changed.full_name} was changed.")
    return redirect(url_for("people.people"))


def _people_page(form: NewPersonForm | None = None, error: str = "") -> ResponseReturnValue:
    page = render_template(
        "pages/people.html",
        form=form or NewPersonForm(formdata=None),
        is_adding=form is not None,
        error=error,
        people=services().accounts.all(),
        roles=ROLES,
        meanings=MEANINGS,
    )
    return page, 422 if error else 200


def _somebody() -> Person:
    """Who asks, on pages that nobody sees without an account."""
    known = person()
    if known is None:
        raise NotAllowed(NO_ACCOUNTS)
    return known


def _first_error(form: FlaskForm) -> str:
    return next((str(told) for field in form for told in field.errors), "")
