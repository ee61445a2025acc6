"""Amazon AppFlow's connector registry, as strict as its documentation.

- ``model``: what botocore's service model says about inputs and errors.
- ``errors``: the refusals, under AppFlow's own codes.
- ``settings``: what AWS leaves open, and how it is here.
- ``limits``: how many calls come through, and how soon a permission is known.
- ``registry``, ``tokens``, ``pages``: what AppFlow remembers of an account and Region.
- ``connector``: what a connector's Lambda answers, in AppFlow's terms.
- ``access``: who may do what.
- ``functions``: invoking a connector's Lambda.
- ``service``: the operations.
- ``journal``: the calls that came, and what became of them.
- ``endpoint``: the service as a part of MiniStack: authentication, authorisation, HTTP.
"""
