"""Roles, privileges and row security of the warehouse, made equal to `include/reference/privileges.yaml`.

What comes in: the declared matrix and the tables that exist. What goes out: the statements that close the difference,
none where there is none. Roles belong to the whole server: they may exist already, and a database owner who may not
create them still loads; then there is nobody to grant anything to, and the missing roles are named in the log.
"""

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from psycopg import sql
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from kampungkb.errors import ConfigurationError
from kampungkb.settings import INCLUDE
from kampungkb.yaml_text import load_yaml

log = logging.getLogger(__name__)

MATRIX_FILE = INCLUDE / "reference" / "privileges.yaml"
Privilege = Literal["select", "insert", "update", "delete"]

# The array is computed once a statement, so that a row costs one comparison.
_OWN_REGIONS = (
    "village_code like any (array("
    "select own.region_code || '%' from core.role_region as own where own.role_name = current_user))"
)
_EXISTING_ROLES = "select rolname from pg_roles where rolname = any(:roles)"
_RELATIONS = """
select
    n.nspname as schema, c.relname as name, c.relkind = 'v' as is_view, c.relrowsecurity as row_security,
    coalesce('security_invoker=true' = any(c.reloptions), false) as as_invoker,
    exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'village_code') as has_village,
    array(select p.polname::text from pg_policy p where p.polrelid = c.oid) as policies
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where n.nspname = any(:schemas) and c.relkind in ('r', 'p', 'v')
order by 1, 2
"""
_GRANTED = """
select r.rolname as role, n.nspname as schema, c.relname as name, lower(a.privilege_type) as privilege
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
cross join lateral aclexplode(c.relacl) a
join pg_roles r on r.oid = a.grantee
where n.nspname = any(:schemas) and r.rolname = any(:roles) and c.relkind in ('r', 'p', 'v')
union all
select r.rolname, n.nspname, '', lower(a.privilege_type)
from pg_namespace n
cross join lateral aclexplode(n.nspacl) a
join pg_roles r on r.oid = a.grantee
where n.nspname = any(:schemas) and r.rolname = any(:roles)
"""


class Matrix(BaseModel):
    """The declared privileges: role -> schema -> table (or `all`, `regional`) -> privileges."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    roles: dict[str, str]
    privileges: dict[str, dict[str, dict[str, list[Privilege]]]]
    regional_roles: list[str]
    audited_schemas: list[str]
    unaudited_roles: list[str]

    @property
    def schemas(self) -> list[str]:
        """The schemas in which anything is granted."""
        return sorted({schema for schemas in self.privileges.values() for schema in schemas})


@dataclass(frozen=True)
class Relation:
    """A table or view of the warehouse and what protects it now."""

    schema: str
    name: str
    is_view: bool
    has_village: bool
    row_security: bool = False
    as_invoker: bool = False
    policies: Sequence[str] = ()


@dataclass(frozen=True, order=True)
class Grant:
    """One privilege of a role on a table, or on a schema where `name` is empty."""

    role: str
    schema: str
    name: str
    privilege: str


@dataclass(frozen=True)
class Policy:
    """One row-security policy; its name ends in a digest of what it says, so that a changed one is another one."""

    label: str
    command: str
    roles: tuple[str, ...]
    using: str = ""
    check: str = ""

    @property
    def name(self) -> str:
        """The label with the digest."""
        said = repr((self.command, self.roles, self.using, self.check))
        return f"{self.label}_{hashlib.sha256(said.encode()).hexdigest()[:8]}"


def load_matrix(path: Path = MATRIX_FILE) -> Matrix:
    """Read the matrix; raises :class:`ConfigurationError` that names the wrong entry."""
    try:
        return Matrix.model_validate(load_yaml(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as fault:
        raise ConfigurationError(f"The privileges in {path.name} cannot be used: {fault}. Correct the file.") from None


def privileges_on(matrix: Matrix, role: str, relation: Relation) -> list[Privilege]:
    """What a role may do: the table's own entry, else `regional` where it has villages, else `all`; views are read."""
    declared = matrix.privileges.get(role, {}).get(relation.schema, {})
    regional = declared.get("regional", []) if relation.has_village and not relation.is_view else []
    privileges = declared.get(relation.name, regional or declared.get("all", []))
    return [p for p in privileges if p == "select"] if relation.is_view else privileges


def wanted_grants(matrix: Matrix, roles: Iterable[str], relations: Sequence[Relation]) -> set[Grant]:
    """Every grant that the matrix gives to `roles` over the relations and their schemas."""
    return {
        grant
        for role in roles
        for grant in (
            *(Grant(role, schema, "", "usage") for schema in matrix.privileges.get(role, {})),
            *(Grant(role, r.schema, r.name, p) for r in relations for p in privileges_on(matrix, role, r)),
        )
    }


def wanted_policies(matrix: Matrix, roles: Sequence[str], relation: Relation) -> list[Policy]:
    """The policies of a table; none where everybody who may read it may read all of it without a record."""
    allowed = {role: privileges for role in roles if (privileges := privileges_on(matrix, role, relation))}
    audited = relation.schema in matrix.audited_schemas
    limited = [role for role in allowed if relation.has_village and _is_regional(matrix, role, relation.schema)]
    if relation.is_view or not (audited or limited):
        return []
    recorded = [role for role in allowed if audited and role not in matrix.unaudited_roles]
    free = tuple(sorted(set(allowed) - set(limited) - set(recorded)))
    record = f"(select ops.note_access('{relation.schema}.{relation.name}'))"
    policies = [Policy("unrestricted", "all", free, "true", "true")] if free else []
    for label, names in (("region", limited), ("recorded", [name for name in recorded if name not in limited])):
        conditions = ([_OWN_REGIONS] if label == "region" else []) + ([record] if audited else [])
        if names:
            policies.append(Policy(label, "select", tuple(sorted(names)), " and ".join(conditions)))
    writers = tuple(sorted(name for name in (*limited, *recorded) if "insert" in allowed[name]))
    return [*policies, *([Policy("append", "insert", writers, check="true")] if writers else [])]


def _is_regional(matrix: Matrix, role: str, schema: str) -> bool:
    return role in matrix.regional_roles and "regional" in matrix.privileges[role][schema]


def apply_privileges(connection: Connection, matrix: Matrix | None = None) -> int:
    """Bring roles, grants and row security to the matrix; returns the number of statements that were needed."""
    matrix = matrix or load_matrix()
    roles = _roles(connection, matrix)
    found = connection.execute(text(_RELATIONS), {"schemas": matrix.schemas}).mappings()
    relations = [Relation(**row) for row in found]
    granted = {
        Grant(**row)
        for row in connection.execute(text(_GRANTED), {"schemas": matrix.schemas, "roles": list(roles)}).mappings()
    }
    wanted = wanted_grants(matrix, roles, relations)
    statements = [
        *(_grant("revoke", "from", grant) for grant in sorted(granted - wanted)),
        *(_grant("grant", "to", grant) for grant in sorted(wanted - granted)),
        *(statement for relation in relations for statement in _protection(matrix, roles, relation)),
        *_of_the_database(connection, matrix, roles),
    ]
    for statement in statements:
        connection.exec_driver_sql(statement.as_string(None).replace("%", "%%"))
    return len(statements)


def _roles(connection: Connection, matrix: Matrix) -> tuple[str, ...]:
    """The roles that exist, after making the missing ones where the user may."""
    names = {"roles": list(matrix.roles)}
    existing = set(connection.execute(text(_EXISTING_ROLES), names).scalars())
    missing = [name for name in matrix.roles if name not in existing]
    for name in missing:
        try:
            with connection.begin_nested():
                connection.exec_driver_sql(_as_text("create role {} nologin", name))
        except (ProgrammingError, IntegrityError) as fault:
            state = getattr(fault.orig, "sqlstate", "")
            if state == "42501":
                log.warning(
                    "The roles %s are missing and the warehouse's user may not create roles: the load goes on, and "
                    "only that user can read. Have an administrator create them (docs/how-to/roles.md).",
                    ", ".join(missing),
                )
                break
            if state not in ("42710", "23505"):  # another database of the server has made it meanwhile
                raise
    return tuple(sorted(set(connection.execute(text(_EXISTING_ROLES), names).scalars())))


def _as_text(statement: str, *names: str) -> str:
    return sql.SQL(statement).format(*map(sql.Identifier, names)).as_string(None)


def _grant(verb: str, towards: str, grant: Grant) -> sql.Composed:
    target = (
        sql.SQL("{}").format(sql.Identifier(grant.schema, grant.name))
        if grant.name
        else sql.SQL("schema {}").format(sql.Identifier(grant.schema))
    )
    words = {name: sql.SQL(word) for name, word in (("verb", verb), ("to", towards), ("what", grant.privilege))}
    return sql.SQL("{verb} {what} on {target} {to} {role}").format(
        target=target, role=sql.Identifier(grant.role), **words
    )


def _protection(matrix: Matrix, roles: Sequence[str], relation: Relation) -> Iterable[sql.Composed]:
    """Statements that give a view the rights of its reader and a table its row security."""
    table = sql.Identifier(relation.schema, relation.name)
    if relation.is_view:
        if not relation.as_invoker:
            yield sql.SQL("alter view {} set (security_invoker = true)").format(table)
        return
    policies = {policy.name: policy for policy in wanted_policies(matrix, roles, relation)}
    for name in sorted(set(relation.policies) - set(policies)):
        yield sql.SQL("drop policy {} on {}").format(sql.Identifier(name), table)
    for name in sorted(set(policies) - set(relation.policies)):
        yield _create_policy(policies[name], table)
    if policies and not relation.row_security:
        yield sql.SQL("alter table {} enable row level security").format(table)
    if not policies and relation.row_security:
        yield sql.SQL("alter table {} disable row level security").format(table)


def _create_policy(policy: Policy, table: sql.Identifier) -> sql.Composed:
    clauses: Mapping[str, Any] = {"using": policy.using, "with check": policy.check}
    conditions = [sql.SQL(f"{word} ({condition})") for word, condition in clauses.items() if condition]
    return sql.SQL("create policy {} on {} for {} to {} {}").format(
        sql.Identifier(policy.name),
        table,
        sql.SQL(policy.command),
        sql.SQL(", ").join(map(sql.Identifier, policy.roles)),
        sql.SQL(" ").join(conditions),
    )


def _of_the_database(connection: Connection, matrix: Matrix, roles: Sequence[str]) -> Iterable[sql.Composed]:
    """What is granted beside tables: staging schemas for who writes, the record of reads for who is recorded."""
    database, owns = connection.execute(
        text("select datname, pg_has_role(datdba, 'usage') from pg_database where datname = current_database()")
    ).one()
    for role in roles:
        writes = role in matrix.unaudited_roles
        may = "select has_database_privilege(:role, current_database(), 'create')" if writes else _MAY_RECORD
        if connection.execute(text(may), {"role": role}).scalar_one():
            continue
        if not writes:
            if set(matrix.audited_schemas) & set(matrix.privileges.get(role, {})):
                yield sql.SQL("grant execute on function ops.note_access(text) to {}").format(sql.Identifier(role))
        elif owns:
            yield sql.SQL("grant create on database {} to {}").format(sql.Identifier(database), sql.Identifier(role))


_MAY_RECORD = "select has_function_privilege(:role, 'ops.note_access(text)', 'execute')"
