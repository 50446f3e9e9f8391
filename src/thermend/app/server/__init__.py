"""A page to drop files on, and a REST server: thin, over :mod:`thermend.jobs.queue`.

| module | what |
| --- | --- |
| `settings` | what it is started with |
| `application` | all of it put together, as an ASGI application |
| `guard` | who is let in, and what browsers are told to allow |
| `routes` | `/api/v1` |
| `uploads` | files as they arrive |
| `answers` | what is answered, for `/openapi.json` too |
| `archive` | several results as one ZIP file |
| `private` | the folder that holds uploads and results, and goes with the process |
| `page/` | HTML, CSS and ES modules |
"""
