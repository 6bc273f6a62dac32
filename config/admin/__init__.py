from config.admin import people, processes

__all__ = ["people", "processes"]
