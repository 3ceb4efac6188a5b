-- Purpose: the village code of four numbers: province, regency, district (2 digits each) and village (4 digits).
-- Grain: a macro over four values; null where one of them is missing or has too many digits.
create or replace macro village_code_of(prop, kab, kec, kel) as case
    when prop between 0 and 99 and kab between 0 and 99 and kec between 0 and 99 and kel between 0 and 9999
        then printf('%02d%02d%02d%04d', prop, kab, kec, kel)
end
