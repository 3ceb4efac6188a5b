-- Purpose: what a candidate pair is worth beside its rivals. Two pairs are rivals where they share a record and their
-- other records are two of which a person has one at most (exclusive_key): at most one of the pairs is true, so the odds
-- of a pair are 2^match_weight / (1 + the odds of its rivals). A pair that a steward told apart is nobody's rival.
-- Grain: one row per candidate pair.
-- Keys: (left_id, right_id).
-- weight is log2 of these odds. Odds are summed as decimals, so that the order of the rows does not change the sum.
with told_apart as (
    select distinct
        least(left_id, right_id) as left_id,
        greatest(left_id, right_id) as right_id
    from steward_decision
    where verdict = 'different'
),

candidate as (
    select
        candidate_pair.left_id,
        candidate_pair.right_id,
        least(candidate_pair.match_weight, 80) as match_weight,
        case
            when told_apart.left_id is null
                then cast(pow(2, least(candidate_pair.match_weight, 80)) as decimal(38, 9)) else 0
        end as odds
    from candidate_pair
    left join told_apart
        on candidate_pair.left_id = told_apart.left_id and candidate_pair.right_id = told_apart.right_id
),

seen_from as (
    select
        left_id,
        right_id,
        odds,
        left_id as record_id,
        right_id as other_id
    from candidate
    union all
    select
        left_id,
        right_id,
        odds,
        right_id as record_id,
        left_id as other_id
    from candidate
),

rival as (
    select
        seen_from.left_id,
        seen_from.right_id,
        sum(seen_from.odds) over (partition by seen_from.record_id, compared_record.exclusive_key)
        - seen_from.odds as odds
    from seen_from
    inner join compared_record on seen_from.other_id = compared_record.record_id
    where compared_record.exclusive_key is not null
),

rivals as (
    select
        left_id,
        right_id,
        sum(odds) as odds
    from rival
    group by left_id, right_id
)

select
    candidate.left_id,
    candidate.right_id,
    candidate.match_weight - log2(1 + cast(coalesce(rivals.odds, 0) as double)) as weight
from candidate
left join rivals on candidate.left_id = rivals.left_id and candidate.right_id = rivals.right_id
