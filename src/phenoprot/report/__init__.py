"""Tables and the plain account, made from committed metrics only."""
