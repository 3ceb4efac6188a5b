"""A soak: simulated nights in a row with changes and faults; see :mod:`tests.faults.soak`.

Here, and not there, stands what starts it: processes of the load import the module that was started again.
"""

if __name__ == "__main__":
    from tests.faults.soak import main

    main()
