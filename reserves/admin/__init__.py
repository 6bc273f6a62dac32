from reserves.admin import books, contracts, reservations, tickets

__all__ = ["books", "contracts", "reservations", "tickets"]
