"""What the rule of single-dose labels calls: false calls and power on negative controls."""
