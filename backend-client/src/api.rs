//! One function a route.

use oto_api_types::{
    Adapter, Budget, CheckResult, Engine, EngineConfig, Found, Job, JobEstimate, NewJob, Usage,
};
use reqwest::Method;

use crate::{ClientError, Home, Upload};

impl Home {
    pub(crate) async fn engines(&self) -> Result<Vec<Engine>, ClientError> {
        self.get("/engines").await
    }

    pub(crate) async fn adapters(&self) -> Result<Vec<Adapter>, ClientError> {
        self.get("/engines/adapters").await
    }

    pub(crate) async fn usage(&self, days: u32) -> Result<Usage, ClientError> {
        self.get(&format!("/usage?days={days}")).await
    }

    pub(crate) async fn discover(&self) -> Result<Vec<Found>, ClientError> {
        self.post("/engines/discover", &()).await
    }

    pub(crate) async fn check_engine(&self, id: &str) -> Result<CheckResult, ClientError> {
        self.post(&format!("/engines/{id}/check"), &()).await
    }

    /// With the key that is to be tried.
    pub(crate) async fn try_engine(&self, id: &str) -> Result<CheckResult, ClientError> {
        self.post(&format!("/engines/{id}/check?candidate=true"), &()).await
    }

    pub(crate) async fn estimate(&self, job: &NewJob) -> Result<JobEstimate, ClientError> {
        self.post("/jobs/estimate", job).await
    }

    pub(crate) async fn add_engine(
        &self,
        id: &str,
        config: &EngineConfig,
    ) -> Result<(), ClientError> {
        self.send(self.call(Method::PUT, &format!("/engines/{id}")).json(config)).await.map(drop)
    }

    pub(crate) async fn set_budget(&self, budget: &Budget) -> Result<(), ClientError> {
        self.send(self.call(Method::PUT, "/usage/budget").json(budget)).await.map(drop)
    }

    pub(crate) async fn remove_engine(&self, id: &str) -> Result<(), ClientError> {
        self.send(self.call(Method::DELETE, &format!("/engines/{id}"))).await.map(drop)
    }

    pub(crate) async fn submit(&self, id: &str, job: &NewJob) -> Result<Job, ClientError> {
        let call = self.call(Method::POST, "/jobs").header("idempotency-key", id).json(job);
        self.send(call).await?.json().await.or(Err(ClientError::Nonsense))
    }

    pub(crate) async fn job(
        &self,
        id: &str,
        wait_secs: u64,
        version: u64,
    ) -> Result<Job, ClientError> {
        self.get(&format!("/jobs/{id}?wait={wait_secs}&version={version}")).await
    }

    /// The stream of changes of all jobs.
    pub(crate) async fn events(&self) -> Result<reqwest::Response, ClientError> {
        self.send(self.call(Method::GET, "/events").header("accept", "text/event-stream")).await
    }

    pub(crate) async fn cancel(&self, id: &str) -> Result<Job, ClientError> {
        self.post(&format!("/jobs/{id}/cancel"), &()).await
    }

    /// Sends a file unless the home has it.
    pub(crate) async fn upload(&self, upload: &Upload) -> Result<(), ClientError> {
        let there =
            self.send(self.call(Method::HEAD, &format!("/assets/by-hash/{}", upload.hash))).await;
        match there {
            Ok(_) => return Ok(()),
            Err(ClientError::Unreachable) => return Err(ClientError::Unreachable),
            Err(_) => {}
        }
        let bytes =
            tokio::fs::read(&upload.path).await.map_err(|e| ClientError::File(e.to_string()))?;
        self.send(self.call(Method::POST, "/assets").body(bytes)).await.map(drop)
    }

    pub(crate) async fn release(&self, id: &str) -> Result<(), ClientError> {
        self.send(self.call(Method::POST, &format!("/jobs/{id}/release")).json(&())).await.map(drop)
    }
}
