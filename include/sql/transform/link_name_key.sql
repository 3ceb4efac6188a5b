-- Purpose: how a name sounds: nicknames in full, the sounds of name_sounds.csv, no spaces, no vowels but the first.
-- Grain: a macro over one clean name; names that sound alike have the same key, names written apart or together too.
create or replace macro name_key(name) as regexp_replace(
    replace(
        name_sounds(
            ' '
            || array_to_string(
                list_transform(string_split(name, ' '), lambda word: coalesce(name_nickname()[word], word)),
                ' '
            )
            || ' '
        ),
        ' ', ''
    ),
    '(.)[AEIOUY]+', '\1', 'g'
)
