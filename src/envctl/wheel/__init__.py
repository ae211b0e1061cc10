"""One wheel: opened strictly, checked against its RECORD, unpacked; its scripts and its bytecode."""
