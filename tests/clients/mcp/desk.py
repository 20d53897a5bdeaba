"""What every travel desk has, whoever's server it is by."""

PLAIN = ("book_trip", "Book_trip", "book_trip_now", "list_trips", "list_hotels", "look_up")
"""Tools that say which they are; of two the names differ in case alone, and one's begins as another's."""
TOOLS = (*PLAIN, "find_trips", "pay", "count")
"""And these: in this order, in every list. A desk may have others beside them."""
COUNT = 5
PAUSE = 0.1
"""``count`` tells its progress so often, and then waits so many seconds."""
TRIPS = "Oxford, Wonderland"
