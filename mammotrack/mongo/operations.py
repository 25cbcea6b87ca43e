"""Where the compilers are found, and how text is escaped before it becomes a pattern."""

from django_mongodb_backend.operations import DatabaseOperations as StockDatabaseOperations


class DatabaseOperations(StockDatabaseOperations):
    compiler_module = "mammotrack.mongo.compiler"

    def prep_for_iexact_query(self, x: str) -> str:
        """Escape ``x``: ``iexact`` becomes a regular expression and the stock backend
        passes the text through as one, so that ``.*`` would match every row."""
        return self.prep_for_like_query(x)
