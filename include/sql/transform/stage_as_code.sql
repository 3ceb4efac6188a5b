-- Purpose: a clean answer by its code: 1, 01, 1.0 and each label of code 1 all become 1; other text stays as it is.
-- Grain: a macro over one value; labels is a map from label (lower case) to code, both text.
-- Whether the code is one of the question's is for the rules to say, not for the reading.
create or replace macro as_code(cell, labels) as case
    when strlen(cell) = 1 and cell between '0' and '9' then cell
    else coalesce(
        map_extract_value(labels, lower(cell)),
        nullif(regexp_extract(cell, '^0*([0-9]+)(\.0+)?$', 1), ''),
        cell
    )
end
