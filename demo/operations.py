"""The operations that the demonstration runs, ready to paste."""

RUN = """mutation Run($input: RunPipelineInput!) {
  runPipeline(input: $input) {
    execution { id sequenceId }
    userErrors { code message }
  }
}"""

PROGRESS = """subscription Progress($id: ID!, $after: String) {
  executionProgress(executionId: $id, after: $after) {
    cursor
    execution { status stages { id name position status statusReason } }
    events {
      __typename
      sequence
      ... on StageStatusChanged { stage { id name } stageStatus: status reason }
      ... on StepStatusChanged { stage { id } step { name } stepStatus: status reason }
      ... on StepProgressed { stage { id } step { name } message ready desired }
    }
  }
}"""

DASHBOARD = """query Services {
  services(first: 20) {
    nodes {
      name
      environments {
        environment { name type }
        artifacts { artifact { displayName } instanceCount }
        lastExecution { sequenceId status }
        rollbackStatus
      }
    }
  }
}"""

PLAN = """query Plan($id: ID!) {
  rollbackPlan(target: {executionId: $id}) {
    hash
    eligibility { verdict reasons { code message remedy } }
    stages {
      stage { name }
      currentArtifact { displayName }
      targetArtifact { displayName }
      steps { name willRun skippedReason }
      changes { resource field current target }
    }
  }
}"""

ROLL_BACK = """mutation RollBack($input: RollbackDeploymentInput!) {
  rollbackDeployment(input: $input) {
    execution { id }
    eligibility { verdict reasons { code message remedy } }
    userErrors { code message }
  }
}"""

INSTANCES = """query Instances {
  instances(first: 100) {
    nodes { key environment { name } artifact { displayName } health rollbackStatus }
  }
}"""
