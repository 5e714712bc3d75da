"""D: the way in over HTTP. Routes are data; views are loaded when asked for; every answer leaves by one door."""
