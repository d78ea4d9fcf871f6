"""Who sees which studies: the one place where it is decided, as every query for studies passes here.

While a person's request is answered, ``viewer`` says who asks, and each session adds the condition to whatever it
selects, changes or deletes of studies; a study that the person may not see is not there. Jobs, sweeps and commands have
no viewer, and see all.
"""

from sqlalchemy import ColumnElement, event, or_
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria

from core.studies.tables import Study
from core.studies.viewer import Viewer, current_viewer


class ViewersSession(Session):
    """A session for which only those studies are there that the viewer may see."""


@event.listens_for(ViewersSession, "do_orm_execute")
def _only_visible(state: ORMExecuteState) -> None:
    viewer = current_viewer()
    if viewer is None or viewer.sees_all or state.is_column_load or state.is_relationship_load:
        return
    criteria = with_loader_criteria(Study, _may_see(viewer), include_aliases=True)
    state.statement = state.statement.options(criteria)


def _may_see(viewer: Viewer) -> ColumnElement[bool]:
    own = Study.owner_id == viewer.user_id
    return own if viewer.group is None else or_(own, Study.owner_group == viewer.group)
