"""What policies may speak of: the Cedar schema, against which ours are checked, and those that are written by hand.

Arguments and claims may have any name, which is why they are tags. An argument has a tag where it is a text, a number,
``true`` or ``false``, or a list of at least one of them; a list that holds anything else has a text that no policy can
name.
"""

SCHEMA = """\
// Who called the agent, as its issuer says.
entity Principal = {
  id: String,               // X-Identity-Principal
  subject: String,
  issuer: String,           // its configured name
  kind: String,             // "user", "service" or "workflow"
  tenant: String,
  client?: String,
  groups?: Set<String>,     // missing: there are some, and nobody knows which
  roles: Set<String>,
  scopes: Set<String>,      // of its token
  actors: Set<String>,      // the agents that another sidecar says act for it
} tags Set<String>;         // claims that some capability or policy names

// The agent: as a principal, when it works for itself; as a resource, when it is called.
entity Agent;

entity Route;               // of egress.routes
entity Toolset;             // of tools
entity Provider;            // of providers

entity Tool in [Route, Toolset] = {
  name: String,             // without its route or set
};

// Of a tool: each argument a set of texts.
entity Arguments tags Set<String>;

type Asked = {
  provider: String,         // the route's, or ""
  scopes: Set<String>,      // what the route needs, or what is asked for
  hours: Set<String>,       // the hours of capabilities that it is now
  now: datetime,            // to the minute
};

action enter appliesTo {
  principal: [Principal],
  resource: [Agent],
  context: { hours: Set<String>, now: datetime },
};

action call appliesTo {
  principal: [Principal, Agent],
  resource: [Route],
  context: {
    provider: String, scopes: Set<String>, hours: Set<String>, now: datetime,
    method: String,
    path: String,           // below the route's url, as it came
  },
};

action credential appliesTo { principal: [Principal, Agent], resource: [Provider], context: Asked };

action converse appliesTo { principal: [Principal, Agent], resource: [Route], context: Asked };

action tool appliesTo {
  principal: [Principal, Agent],
  resource: [Tool],
  context: {
    provider: String, scopes: Set<String>, hours: Set<String>, now: datetime,
    arguments?: Arguments,  // missing: the question is whether it may be seen at all
  },
};
"""
