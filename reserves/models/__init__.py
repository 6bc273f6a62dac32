from reserves.models.books import InvestmentBook, InvestmentEntry
from reserves.models.life import SeenState
from reserves.models.reservations import Draw, Reservation
from reserves.models.tickets import PaymentAvailability

__all__ = ["Draw", "InvestmentBook", "InvestmentEntry", "PaymentAvailability", "Reservation", "SeenState"]
