"""`python -m source_front` is `source-front`."""

from source_front.run import main

if __name__ == "__main__":
    main()
