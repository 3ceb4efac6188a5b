-- Purpose: present, which person records stand in the sources tonight, each with a digest of all that linkage and
-- review read of it: a record whose digest was there the night before has not changed.
-- Grain: one row per accepted person record.
-- Keys: (source, source_key); digest (64 bits of MD5).
-- md5_number with a mask takes half the time of md5_number_lower, and this is asked of everybody every night.
select
    source,
    source_key,
    cast(
        md5_number(
            concat_ws(
                chr(31),
                source,
                source_key,
                coalesce(identity_number, chr(30)),
                doubtful,
                coalesce(raw_name, chr(30)),
                coalesce(cast(birth_date as varchar), chr(30)),
                coalesce(cast(sex as varchar), chr(30)),
                coalesce(village_code, chr(30)),
                coalesce(household, chr(30)),
                coalesce(family_card, chr(30)),
                card_doubtful,
                coalesce(mother_number, chr(30)),
                mother_doubtful,
                coalesce(mother_raw_name, chr(30)),
                own_mother
            )
        ) & 18446744073709551615 as ubigint
    ) as digest
from person_source
