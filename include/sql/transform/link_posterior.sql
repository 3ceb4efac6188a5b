-- Purpose: what a candidate pair is worth beside its rivals. Two pairs are rivals where they share a record and their
-- other records have the same rival_key: at most one of the pairs is true, so the odds of a pair are
-- 2^match_weight / (1 + the odds of its rivals). Records that are themselves likelier one person than not, or are so by
-- a steward's decision, are no rivals; nor is a pair that a steward told apart.
-- Grain: one row per candidate pair.
-- Keys: (left_id, right_id).
-- weight is log2 of these odds. Odds are summed as decimals, so that the order of the rows does not change the sum.
with verdict as (
    select
        least(left_id, right_id) as left_id,
        greatest(left_id, right_id) as right_id,
        min(verdict) as verdict
    from steward_decision
    where verdict in ('same', 'different')
    group by least(left_id, right_id), greatest(left_id, right_id)
),

candidate as (
    select
        candidate_pair.left_id,
        candidate_pair.right_id,
        least(candidate_pair.match_weight, 80) as match_weight,
        coalesce(verdict.verdict, '') as verdict,
        case
            when coalesce(verdict.verdict, '') = 'different' then 0
            else cast(pow(2, least(candidate_pair.match_weight, 80)) as decimal(38, 9))
        end as odds,
        left_record.rival_key as left_rival_key,
        right_record.rival_key as right_rival_key
    from candidate_pair
    inner join compared_record as left_record on candidate_pair.left_id = left_record.record_id
    inner join compared_record as right_record on candidate_pair.right_id = right_record.record_id
    left join verdict on candidate_pair.left_id = verdict.left_id and candidate_pair.right_id = verdict.right_id
),

seen_from as (
    select
        left_id,
        right_id,
        odds,
        left_id as record_id,
        right_id as other_id,
        right_rival_key as rival_key
    from candidate
    union all
    select
        left_id,
        right_id,
        odds,
        right_id as record_id,
        left_id as other_id,
        left_rival_key as rival_key
    from candidate
),

alike as (
    select
        left_id,
        right_id
    from candidate
    where left_rival_key = right_rival_key and (verdict = 'same' or (verdict = '' and match_weight > 0))
),

no_rival as (
    select
        left_id as other_id,
        right_id as rival_id
    from alike
    union all
    select
        right_id as other_id,
        left_id as rival_id
    from alike
),

counted as (
    select
        left_id,
        right_id,
        sum(odds) over (partition by record_id, rival_key) - odds as odds
    from seen_from
    where rival_key is not null
    union all
    select
        own.left_id,
        own.right_id,
        -other.odds as odds
    from no_rival
    inner join seen_from as own on no_rival.other_id = own.other_id
    inner join seen_from as other on no_rival.rival_id = other.other_id and own.record_id = other.record_id
),

rivals as (
    select
        left_id,
        right_id,
        sum(odds) as odds
    from counted
    group by left_id, right_id
)

select
    candidate.left_id,
    candidate.right_id,
    candidate.match_weight - log2(1 + cast(coalesce(rivals.odds, 0) as double)) as weight
from candidate
left join rivals on candidate.left_id = rivals.left_id and candidate.right_id = rivals.right_id
