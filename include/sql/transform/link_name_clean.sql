-- Purpose: a name as the linkage compares it: old spelling of letters, then particles, titles before and behind,
-- newborns without a name ("BAYI" and the mother's name), abbreviations, spellings, words written together.
-- Grain: a macro over one text; null only for a blank one. Cleaning a clean name changes nothing.
create or replace macro name_clean(raw) as name_words(
    regexp_replace(
        name_words(
            name_openings(
                regexp_replace(
                    regexp_replace(
                        regexp_replace(
                            regexp_replace(
                                regexp_replace(name_letters(name_text(raw)), name_between_pattern(), ' ', 'g'),
                                name_before_pattern(), ''
                            ),
                            name_after_pattern(), ''
                        ),
                        name_newborn_after_pattern(), 'BAYI \1'
                    ),
                    name_newborn_pattern(), 'BAYI '
                )
            )
        ),
        name_joined_pattern(), '\1\2', 'g'
    )
)
