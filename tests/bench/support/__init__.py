"""A company's support data: invented tickets and answers, as rows in tables of the company's own.

`kinds` has what the company sells and answers, `wordings` how customers write, `dirt` what becomes
of that on its way into a database, `company` makes the rows, and `rows` stores and reads them.
"""
