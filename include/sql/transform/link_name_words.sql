-- Purpose: the words of a name in full and in the usual spelling, by name_abbreviations.csv and name_spellings.csv.
-- Grain: a macro over one name of plain words.
create or replace macro name_words(name) as
array_to_string(list_transform(string_split(name, ' '), lambda word: coalesce(name_word()[word], word)), ' ')
