"""What every endpoint of the local API stands on.

`unit` runs an endpoint inside one transaction and answers only after its commit; `auth` knows the
caller; `problems` turns errors into RFC 9457 documents; `paging` and `etags` are the conventions of
lists and changes. A room writes:

    def router(service: LeadService) -> APIRouter:
        api = APIRouter(prefix="/leads", tags=["leads"], route_class=TransactionalRoute)

        @api.post("/{lead_id}/send", operation_id="send_lead", summary="Approve and send a request")
        def send_lead(
            lead_id: str, version: IfMatch, session: SessionDep, now: NowDep, response: Response,
            by: Annotated[Principal, requires(Permission.LEAD_SEND)],
        ) -> LeadOut:
            lead = service.send(session, lead_id, version=version, by=by, now=now)
            response.headers["ETag"] = etag(lead.version)
            return LeadOut.of(lead)
"""
