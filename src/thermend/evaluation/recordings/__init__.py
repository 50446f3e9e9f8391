"""How much a session gains over frames mended one by one: recordings made of still images, whose truth is known."""
