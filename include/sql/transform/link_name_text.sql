-- Purpose: a name as plain words: upper case without accents, one space between words and nothing but letters and
-- digits. A text without any keeps its signs; a blank one is null.
-- Grain: a macro over one text.
-- An apostrophe and an invisible character join what stands around them (MA'RUF is MARUF), other signs part it. The
-- null character goes first: strip_accents would stop there.
create or replace macro name_text(raw) as coalesce(
    nullif(
        trim(
            regexp_replace(
                regexp_replace(
                    upper(strip_accents(upper(replace(raw, chr(0), ' ')))),
                    '[''`´ʻʼʽʾʿ‘’‛′\p{Cf}\p{M}]', '', 'g'
                ),
                '[^\p{L}\p{N}]+', ' ', 'g'
            )
        ),
        ''
    ),
    nullif(trim(regexp_replace(upper(raw), '[\s\p{Z}\p{C}]+', ' ', 'g')), '')
)
