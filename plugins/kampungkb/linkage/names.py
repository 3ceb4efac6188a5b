"""Names as the linkage compares them: DuckDB macros `name_clean`, `name_key` and `name_first`."""

from duckdb import DuckDBPyConnection


def create_macros(connection: DuckDBPyConnection) -> None:
    """Create `name_clean(text)`, `name_key(text)` and `name_first(text)`; each is text in, text out, null for null."""
    connection.execute(
        r"""create or replace macro name_clean(raw) as nullif(trim(regexp_replace(regexp_replace(
        regexp_replace(regexp_replace(regexp_replace(upper(strip_accents(raw)), '[,].*$', ''), '[^A-Z ]', ' ', 'g'), '\s+', ' ', 'g'),
        '\b(HJ|H|DR|DRG|IR|PROF|R|RD|NY|TN|SDR|ALM|BIN|BINTI|DRS|USTADZ|PAK|BU|TGK|KH)\b ?', '', 'g'), '\b(MUH|MOH|M|MHD|MD|MOHAMMAD|MUHAMAD|MOHAMAD)\b', 'MUHAMMAD', 'g')), '')"""
    )
    connection.execute(
        r"""create or replace macro name_key(raw) as substr(name_clean(raw), 1, 1) || regexp_replace(
        substr(name_clean(raw), 2), '[AEIOUHY]', '', 'g')"""
    )
    connection.execute("create or replace macro name_first(raw) as split_part(name_clean(raw), ' ', 1)")
