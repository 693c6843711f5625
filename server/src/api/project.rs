//! Selection of a project: the parameter of every operation of `/api/v2`, and the paths of projects.

/// Prefix of the operations that accept the parameter `project`.
pub(super) const V2: &str = "/api/v2/";
/// Prefix of the operations whose path names the project.
pub(super) const PROJECT_PATH: &str = "/api/v2/projects/{project}";
/// The query parameter.
pub(super) const PROJECT: &str = "project";
