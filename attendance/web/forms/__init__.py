"""What pages may send, a module a noun. A form checks shapes; what is allowed is the services' word."""
